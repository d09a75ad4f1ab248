package core

import "context"

// asKeeper adapts a session to keeper.
type asKeeper struct{ session *Session }

func (k asKeeper) get(ctx context.Context, _ bool) (*live, error) { return k.session.get(ctx) }

func (k asKeeper) refuse(l *live, _ bool, challenge string) { k.session.reject(l, challenge) }

// sender returns the part of the session that sends requests.
func (s *Session) sender() sender {
	return sender{asKeeper{s}, s.name, &s.transports, &s.remembered}
}
