"""What goes along with a swap: parameters and their names, the optimizer and its schedules, freezing, saving."""
