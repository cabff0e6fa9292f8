"""What the script `course` calls: the doctor, the learner's copies, the refresh of outputs."""
