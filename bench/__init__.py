"""What kmslab costs: `./course bench` prints ratios measured side by side, with their targets."""
