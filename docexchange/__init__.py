"""docexchange: the daemon of an interprovincial exchange of official documents."""

__version__ = "0.1.0"
