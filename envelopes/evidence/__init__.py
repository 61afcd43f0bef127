"""What an auditor holds against a journal: hash trees, signed checkpoints, proofs."""
