"""Which item comes next: streaming models of the three layers, and their blend."""
