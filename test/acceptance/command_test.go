package acceptance

// command is what the test binary does when a session runs it.
func command([]string) int { return 0 }
