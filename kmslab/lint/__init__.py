"""What is wrong, risky or idle in a policy, told before AWS is asked: `lint(policy)`."""

from kmslab.lint.findings import Finding, Findings
from kmslab.lint.linting import lint

__all__ = ["Finding", "Findings", "lint"]
