"""CloudTrail: what was asked, by whom, and whether it was refused."""
