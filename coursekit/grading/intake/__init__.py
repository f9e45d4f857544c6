"""Submissions in any shape: found, opened under limits, merged into the course's own files."""
