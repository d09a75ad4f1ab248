package command

import "strings"

// withKey returns an INI file, as AWS tools read it, in which the section of a profile has
// the key with the value. It takes the place of that key, with the lines that continue its
// old value; all other lines and the line ends stay.
func withKey(text, header, key, value string) string {
	end := lineEnd(text)
	lines, line := readINI(text), key+" = "+value+end
	start, stop := sectionOf(lines, profileOf(header))
	var out strings.Builder
	for i, l := range lines {
		if i < start || i >= stop || l.key != key {
			out.WriteString(l.text)
		} else if line != "" && !l.continues {
			out.WriteString(indentOf(l.text) + line)
			line = ""
		}
		if i == stop-1 && start >= 0 && line != "" {
			return withLine(out.String(), line, end, joinINI(lines[stop:]))
		}
	}
	if start >= 0 {
		return out.String()
	}
	if len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1].text) != "" {
		header = end + header
	}
	return withLineBreak(text, end) + header + end + line
}

// withLine returns a section with a line after its last one that is not empty, and then the
// rest.
func withLine(section, line, end, rest string) string {
	body := strings.TrimRight(section, " \t\r\n")
	empty := strings.TrimPrefix(withLineBreak(section, end)[len(body):], end)
	return body + end + line + empty + rest
}

// indentOf returns the spaces that a line begins with.
func indentOf(line string) string {
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}

// withLineBreak returns a text that is empty or ends with a line break.
func withLineBreak(text, end string) string {
	switch {
	case text == "" || strings.HasSuffix(text, "\n"):
		return text
	case strings.HasSuffix(text, "\r"): // its line break was cut off
		return text + "\n"
	}
	return text + end
}

// iniLine is a line of an INI file, with its line break.
type iniLine struct {
	text      string
	header    bool
	key       string // of the value that the line has or continues, in lower case
	continues bool
}

func joinINI(lines []iniLine) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.text)
	}
	return b.String()
}

// readINI reads lines as Python's configparser does, which AWS tools use: after a key, a
// line that is indented more than that key continues its value, whatever it looks like.
func readINI(text string) (lines []iniLine) {
	key, keyIndent := "", 0
	for _, line := range strings.SplitAfter(text, "\n") {
		body := strings.TrimSpace(line)
		indent := len(indentOf(line))
		l := iniLine{text: line}
		switch {
		case line == "":
			continue
		case body == "" || body[0] == '#' || body[0] == ';':
		case key != "" && indent > keyIndent:
			l.key, l.continues = key, true
		case body[0] == '[':
			key, l.header = "", true
		default:
			key, keyIndent = body, indent
			if i := strings.IndexAny(body, "=:"); i >= 0 {
				key = body[:i]
			}
			key = strings.ToLower(strings.TrimSpace(key))
			l.key = key
		}
		lines = append(lines, l)
	}
	return lines
}

// sectionOf returns the lines of the first section of a profile: its header, and the first
// line after it; -1 and -1 if there is none.
func sectionOf(lines []iniLine, profile string) (start, stop int) {
	start = -1
	for i, line := range lines {
		switch {
		case line.header && start >= 0:
			return start, i
		case line.header && profileOf(strings.TrimSpace(line.text)) == profile:
			start = i
		}
	}
	if start < 0 {
		return -1, -1
	}
	return start, len(lines)
}

// profileOf returns the profile of a header: "work" of [profile work] and of
// [ profile "work" ], "default" of [default]. It returns the text of any other section with
// a "[" before it, which is the name of no profile.
func profileOf(header string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(header, "["), "]")
	name = strings.TrimSpace(name)
	if name == "default" {
		return name
	}
	word, rest, _ := strings.Cut(strings.ReplaceAll(name, "\t", " "), " ")
	if rest = strings.TrimSpace(rest); word != "profile" || rest == "" {
		return "[" + name
	}
	if quote := rest[0]; len(rest) > 1 && (quote == '"' || quote == '\'') &&
		rest[len(rest)-1] == quote {
		rest = rest[1 : len(rest)-1]
	}
	return rest
}

// lineEnd returns how the lines of a text end: as the first one does.
func lineEnd(text string) string {
	if first, _, _ := strings.Cut(text, "\n"); strings.HasSuffix(first, "\r") {
		return "\r\n"
	}
	return "\n"
}
