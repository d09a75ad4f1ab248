// Read on in outsidehttp.go.

package core

// checkBounds reports the first thing in c, apart from what requests carry, that is out
// of bounds. The text names the place and never the value.
func (c Credential) checkBounds() error {
	problem := func(what, problem string) error {
		return Errorf(CodeBadConfig, "the credential's %s %s", what, problem)
	}
	if p := textProblem(c.Subject, maxSubject, isSubjectRune); p != "" {
		return problem("subject", p)
	}
	for what, n := range map[string]int{
		"refresh state": len(c.RefreshState.Reveal()) - maxRefreshState,
		"certificate":   len(c.Attach.Cert.Reveal()) - maxCertificates,
		"roots":         len(c.Attach.Roots) - maxCertificates,
	} {
		if n > 0 {
			return problem(what, "is too large")
		}
	}
	if len(c.Origins) > maxOrigins {
		return problem("origins", "are too many")
	}
	for _, o := range c.Origins {
		if len(o) > maxOriginText {
			return problem("origins", "are too long")
		}
	}
	return c.checkAttributes()
}

// checkAttributes is checkBounds of the attributes.
func (c Credential) checkAttributes() error {
	if len(c.Attributes) > maxAttributes {
		return Errorf(CodeBadConfig, "the credential has more than %d attributes", maxAttributes)
	}
	size := 0
	for name, value := range c.Attributes {
		size += len(name) + len(value)
		if p := textProblem(name, maxAttributeName, isVisible); p != "" {
			return Errorf(CodeBadConfig, "the name of an attribute of the credential %s", p)
		}
		if p := textProblem(value, maxAttribute, isAttributeRune); p != "" {
			return Errorf(CodeBadConfig, "the credential's attribute %q %s", printable(name), p)
		}
	}
	if size > maxAttributeText {
		return Errorf(CodeBadConfig, "the credential's attributes are larger than %d KiB",
			maxAttributeText>>10)
	}
	return nil
}
