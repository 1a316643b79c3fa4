"""Networks, one file per family, as the papers used them."""
