"""What `new-question` and `new-notebook` are made of: changes to files, prepared in full before any is written."""
