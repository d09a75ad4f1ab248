package main

import (
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/text/language"
)

// Who may sign in at the server.
const (
	username = "ada"
	password = "lovelace"
	clientID = "signin"
)

// server is the example OpenID provider of github.com/zitadel/oidc on a free
// port of the loopback. Its page for signing in is theirs, too.
type server struct {
	issuer string
	dir    string // holds the store
	http   *http.Server
}

func startServer() (*server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "authsession-signin-")
	if err != nil {
		return nil, err
	}
	s := &server{issuer: "http://" + listener.Addr().String(), dir: dir}
	clients := map[string]*storage.Client{clientID: storage.NativeClient(clientID, "http://127.0.0.1/")}
	s.http = &http.Server{
		Handler: exampleop.SetupServer(s.issuer, storage.NewStorageWithClients(people{}, clients),
			slog.New(slog.DiscardHandler), false, op.WithAllowInsecure()),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	go func() { _ = s.http.Serve(listener) }()
	return s, nil
}

// environ are the variables that authsession.yaml refers to.
func (s *server) environ() []string {
	return []string{
		"SIGNIN_ISSUER=" + s.issuer, "SIGNIN_CLIENT_ID=" + clientID,
		"SIGNIN_STORE=" + filepath.Join(s.dir, "store"), "SIGNIN_KEY=" + filepath.Join(s.dir, "key"),
	}
}

// Close ends the server and removes the store.
func (s *server) Close() {
	_ = s.http.Close()
	_ = os.RemoveAll(s.dir)
}

// people are those who may sign in.
type people struct{}

var ada = &storage.User{
	ID: "ada", Username: username, Password: password, FirstName: "Ada", LastName: "Lovelace",
	PreferredLanguage: language.English,
}

func (people) GetUserByID(id string) *storage.User {
	if id == ada.ID {
		return ada
	}
	return nil
}

func (people) GetUserByUsername(name string) *storage.User {
	if name == ada.Username {
		return ada
	}
	return nil
}

func (people) ExampleClientID() string { return "service" }
