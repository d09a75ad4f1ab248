// The table of the grants.
//
// Read on in checkredirect.go.

package oauth2

// grantTypes are the grants; the first one is the default. The order is that of error texts and of
// the enum of Config.Grant.
var grantTypes = []*grantType{
	&clientCredentials, &authorizationCode, &deviceCode, &refreshToken, &jwtBearer, &tokenExchange,
}

// grantNamed returns the grant of a name; the default one for "", and nil for an unknown name.
func grantNamed(name string) *grantType {
	if name == "" {
		return grantTypes[0]
	}
	for _, g := range grantTypes {
		if g.name == name {
			return g
		}
	}
	return nil
}

// signInAs returns the grant in whose way a person signs in: g for "", and nil for an unknown name.
// Without a person it is g.
func (g *grantType) signInAs(name string) *grantType {
	if g.signIn == nil || name == "" {
		return g
	}
	for _, other := range grantTypes {
		if other.signIn != nil && other.signIn.name == name {
			return other
		}
	}
	return nil
}

// grantNames returns the names of those grants that match.
func grantNames(match func(*grantType) bool) []string {
	var names []string
	for _, g := range grantTypes {
		if match(g) {
			names = append(names, g.name)
		}
	}
	return names
}
