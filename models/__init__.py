"""Everything that learns: tensors and arrays in, tensors and arrays out."""
