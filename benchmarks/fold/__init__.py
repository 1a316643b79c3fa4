"""From smooth functions to ReLU to int8, in three nets: writes the tables of docs/fold.md."""
