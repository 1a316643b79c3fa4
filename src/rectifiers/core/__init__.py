"""Ground floor: specs, registry, argument checks and their wording, seed streams. Knows no activation."""
