"""What goes along with a swap: the optimizer and its schedules, names in the state dict, freezing, and saving."""
