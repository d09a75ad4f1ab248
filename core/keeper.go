package core

// sender returns the part of the session that sends requests.
func (s *Session) sender() sender { return sender{s, &s.transports, &s.remembered} }
