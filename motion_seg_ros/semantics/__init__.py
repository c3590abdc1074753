"""The oracle: whether a person does the same at two moments, asked without making anybody wait."""
