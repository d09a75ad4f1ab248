package oauth2_test

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"strconv"
	"testing"

	fileuses "github.com/authsession/authsession/internal/uses"
	"github.com/authsession/authsession/providers/oauth2"
	"github.com/stretchr/testify/require"
)

// readingOrder is the way through the package: the first comment of each file names the next one.
var readingOrder = []string{
	"oauth2.go", "settings.go", "address.go", "renewal.go", "metadata.go", "discovery.go", "client.go",
	"connection.go", "dpop.go", "jwks.go", "idtoken.go", "grant.go", "signin.go",
	"clientcredentials.go", "refreshtoken.go", "jwtbearer.go", "tokenexchange.go",
	"personguide.go", "authorizationcode.go", "devicecode.go",
	"grants.go", "checkredirect.go", "check.go", "refusal.go", "provider.go", "tokensource.go",
}

// mostBackward is how many pairs of files may have the earlier one use the later one. They are
// those of oauth2.go, which the provider begins with.
const mostBackward = 3

func TestReadingOrder(t *testing.T) {
	fileuses.CheckOrder(t, ".", readingOrder, mostBackward)
}

// grantFiles are the files of the grants, by the exported names and values of the grants and the
// names of their variables.
var grantFiles = map[string][]string{
	"clientcredentials.go": {"ClientCredentials", oauth2.ClientCredentials, "clientCredentials"},
	"refreshtoken.go":      {"RefreshToken", oauth2.RefreshToken, "refreshToken"},
	"jwtbearer.go":         {"JWTBearer", oauth2.JWTBearer, "jwtBearer"},
	"tokenexchange.go":     {"TokenExchange", oauth2.TokenExchange, "tokenExchange"},
	"authorizationcode.go": {"AuthorizationCode", oauth2.AuthorizationCode, "authorizationCode"},
	"devicecode.go":        {"DeviceCode", oauth2.DeviceCode, "deviceCode"},
}

// TestGrantsAreNotAskedForByName checks that the name of a grant occurs in the grant's own file, in
// the list of the constants and in the table, so that a new grant needs no change elsewhere.
func TestGrantsAreNotAskedForByName(t *testing.T) {
	for _, file := range readingOrder {
		if file == "settings.go" || file == "grants.go" {
			continue
		}
		for _, name := range grantNamesIn(t, file) {
			t.Error(name)
		}
	}
	require.NotEmpty(t, grantNamesIn(t, "settings.go"), "the test finds the constants")
	require.NotEmpty(t, grantNamesIn(t, "grants.go"), "the test finds the table")
}

// grantNamesIn returns the places in a file that name a grant of another file. A selector such as
// client.ClientCredentials or token.Refresh does not count, and neither does the text
// "refresh_token", which is also a setting and a type of token (RFC 7009 §2.1).
func grantNamesIn(t *testing.T, file string) []string {
	set := gotoken.NewFileSet()
	parsed, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	owners := map[string]string{}
	for owner, names := range grantFiles {
		for _, name := range names {
			owners[name] = owner
		}
	}
	var found []string
	note := func(at gotoken.Pos, name string) {
		if owner, ok := owners[name]; ok && owner != file {
			found = append(found, set.Position(at).String()+" names the grant of "+owner)
		}
	}
	var visit func(n ast.Node) bool
	visit = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			ast.Inspect(n.X, visit)
			return false
		case *ast.Ident:
			note(n.Pos(), n.Name)
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); err == nil && text != oauth2.RefreshToken {
				note(n.Pos(), text)
			}
		}
		return true
	}
	ast.Inspect(parsed, visit)
	return found
}
