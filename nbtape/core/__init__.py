"""What a value is: tensors, operations, dtypes, shapes, errors, and the state of the running thread."""
