"""Root's part of CoyoteLab: sets a machine up, builds its base, runs the demo, removes it all."""
