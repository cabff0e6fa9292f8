"""Accounts and who is in them: users, groups, roles, their sessions and policies; organisations."""
