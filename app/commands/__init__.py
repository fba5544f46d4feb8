"""The commands of `flask` for operators, one module for each subject. Only the factory imports them."""
