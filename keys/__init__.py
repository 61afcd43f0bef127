"""What a key and a certificate are: bytes in, values out.

Owns algorithms, certificates, signers, trust anchors and the demo CA. Knows no envelope, file,
socket, clock or environment: bytes and times are passed in, so the auditor and the daemon judge
with the same code. Imports nothing of ours.
"""
