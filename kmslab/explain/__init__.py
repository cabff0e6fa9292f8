"""Why a request was allowed or refused, who else may, and what would be: answers for people."""
