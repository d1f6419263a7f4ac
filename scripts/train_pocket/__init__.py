"""Trains, exports and measures the pocket models; needs the `train` dependency group."""
