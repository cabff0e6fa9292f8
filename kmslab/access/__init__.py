"""Where a call meets the policies that apply to it: the decision, its message, its explanation."""
