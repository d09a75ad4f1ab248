package core_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/authsession/authsession/core"
)

// PerRPC puts the credential on gRPC calls: grpc.WithPerRPCCredentials(session.PerRPC()).
func ExamplePerRPC() {
	ctx := context.Background()
	session := core.New("grpc", tokenProvider("t1"), &core.Options{Lazy: true})
	defer session.Close(ctx)

	metadata, err := session.PerRPC().GetRequestMetadata(ctx, "https://api.example.com/service")
	fmt.Println(metadata, err)
	// Output:
	// map[authorization:Bearer t1] <nil>
}

// mapStore is a [core.Store] in memory. Package store has one, and others for files and keyrings.
type mapStore struct {
	lock   sync.Mutex // what Lock locks
	mu     sync.Mutex // guards values
	values map[string]core.Secret
}

func (m *mapStore) Load(_ context.Context, key string) (core.Secret, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.values[key], nil
}

func (m *mapStore) Save(_ context.Context, key string, value core.Secret) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[key] = value
	return nil
}

func (m *mapStore) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.values, key)
	return nil
}

func (m *mapStore) Lock(context.Context, string) (func(), error) {
	m.lock.Lock()
	return m.lock.Unlock, nil
}

// A session with a store saves its credential there. The next session of the name, such as that of
// the program's next run, takes it from there and asks nobody.
func ExampleStore() {
	ctx := context.Background()
	asked := 0
	provider := core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		asked++
		c := bearerCredential("t1")
		c.Expiry = time.Now().Add(time.Hour)
		return c, nil
	})
	options := &core.Options{Store: &mapStore{values: map[string]core.Secret{}}}
	for range 2 {
		session := core.New("prices", provider, options)
		if err := session.Init(ctx); err != nil {
			fmt.Println(err)
			return
		}
		c, err := session.Credential(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		token, _ := c.Token()
		fmt.Println(token.Reveal(), asked)
	}
	// Output:
	// t1 1
	// t1 1
}

// A monitor is told what happens to a session, in order.
func ExampleOptions_observe() {
	ctx := context.Background()
	var watch sync.WaitGroup
	watch.Add(2)
	session := core.New("prices", tokenProvider("t1"), &core.Options{
		Observe: func(ev core.Event) {
			fmt.Println(ev.Session, ev.Type, ev.Err)
			watch.Done()
		},
	})
	if err := session.Init(ctx); err != nil {
		fmt.Println(err)
		return
	}
	_ = session.Close(ctx)
	watch.Wait() // events are reported after the callers have their answers
	// Output:
	// prices authenticated <nil>
	// prices ended <nil>
}
