"""edXML: messages to bytes and back, by the table of `layout`.

`write` gives canonical bytes: equal to the exclusive C14N 1.0 of themselves, without XML
declaration or indentation, so that packing needs no tree. `read` takes any order, any prefix and
the wild data of other systems; each oddity becomes a Finding, never silence.

    message, findings = read(data, repair=True)
    data = write(message)
"""

from .findings import Finding
from .reader import read
from .writer import pieces, split, write

__all__ = ["Finding", "pieces", "read", "split", "write"]
