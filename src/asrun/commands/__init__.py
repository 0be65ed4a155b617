"""The commands of `asrun`, one file for each group that belongs together; `asrun.cli` puts them together."""
