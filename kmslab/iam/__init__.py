"""Who may do what: policies, and the decision with its reasons. Pure: knows no store and no key."""
