"""The instructor's half: submissions in, a record for each, reports and exports from the records alone."""
