"""The vocabulary: what a question is, what a likely mistake is, values as plain bytes. Enters the sandbox."""
