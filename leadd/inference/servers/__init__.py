"""Model servers and their models: what is known of each, loads, looks, breakers, and who plays which role."""
