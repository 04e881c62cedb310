"""From an ICP in plain words to how well a text fits it, without a single label."""
