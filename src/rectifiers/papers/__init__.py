"""The papers: one package each, one file per table or figure, the published numbers in TOML beside it."""
