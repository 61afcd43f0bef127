"""The demo: three provinces on one machine, real processes, a real broker, six checked scenes."""
