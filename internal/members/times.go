// Read on in path.go.

package members

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// wantTime is how a time should be written.
const wantTime = "want RFC 3339, as 2006-01-02T15:04:05Z"

// What is wrong with a text or a number that should be a time. The texts follow the name of the
// field, name the form and do not repeat the value.
var (
	errNotTime   = errors.New("is not a time: " + wantTime)
	errNoZone    = errors.New("is a time without a zone, which can be any: " + wantTime)
	errZoneName  = errors.New("is a time in a zone that is named by letters: " + wantTime)
	errDateAlone = errors.New("is a date without a time: " + wantTime)
	errDayOrder  = errors.New("is a date whose day and month can be exchanged: " + wantTime)
	errSmall     = errors.New("is a number that is too small for a time since 1970, " +
		"as a lifetime is: " + wantTime + ", or seconds since 1970")
	errLarge = errors.New("is a number that is too large for a time in seconds or " +
		"milliseconds since 1970: " + wantTime)
	errTimeKind = errors.New("is neither a text nor a number: " + wantTime)
)

// Time returns a member that is a time, as [ParseTime] reads it; zero if it is absent, null or an
// empty text. The error is a phrase that follows the name of the member; it names the form of the
// value and does not repeat it.
func (o Object) Time(name string) (time.Time, error) {
	if !o.Has(name) || o.IsText(name) && strings.TrimSpace(o.Text(name)) == "" {
		return time.Time{}, nil
	}
	text := o.Number(name)
	if text == "" {
		return time.Time{}, errTimeKind
	}
	return ParseTime(text)
}

// ParseTime reads the time that another program has written: RFC 3339 and the forms of ISO 8601
// near it, with a zone, the forms of HTTP and of the command date in UTC, and seconds or
// milliseconds since 1970. A form that can mean several times, such as one without a zone, is an
// error, which is a phrase that follows the name of a field.
func ParseTime(text string) (time.Time, error) {
	text = strings.TrimSpace(text)
	if isNumber(text) {
		return sinceEpoch(text)
	}
	if millis, ok := microsoftDate(text); ok {
		return sinceEpoch(millis)
	}
	if !isASCII(text) { // else letters in upper case could take another number of bytes
		return time.Time{}, errNotTime
	}
	before, zone := cutZone(withoutAdditions(text))
	if at, ok := parseLayouts(before + zone); ok {
		return at, nil
	}
	return time.Time{}, formOf(before, zone)
}

// layouts are the forms that are accepted, with the zone as cutZone writes it. Go
// accepts a fraction after the seconds of any of them.
var layouts = []string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04Z07:00", "20060102T150405Z07:00",
	"Mon, 02 Jan 2006 15:04:05Z07:00", "Mon, _2 Jan 2006 15:04:05Z07:00",
	"02 Jan 2006 15:04:05Z07:00", "Monday, 02-Jan-06 15:04:05Z07:00",
	"Mon Jan _2 15:04:05 2006Z07:00", "Jan _2 15:04:05 2006Z07:00", // the latter of OpenSSL
	"Mon Jan 02 2006 15:04:05Z07:00", // of JavaScript
	"20060102150405Z07:00", "02-Jan-2006 15:04:05Z07:00",
}

// withoutAdditions returns a time without what programs add to it and what says nothing new: Go the
// reading of a monotonic clock, Java and RFC 9557 the name of the zone in brackets, and JavaScript
// the name in parentheses and the letters GMT before the offset.
func withoutAdditions(text string) string {
	text, _, _ = strings.Cut(text, " m=")
	for _, brackets := range []string{"[]", "()"} {
		at := strings.IndexByte(text, brackets[0])
		if at > 0 && strings.HasSuffix(text, brackets[1:]) {
			text = strings.TrimRight(text[:at], " ")
		}
	}
	// GMT+1 is a zone of POSIX, which is west of Greenwich.
	before, after, found := strings.Cut(text, " GMT")
	if found && len(after) >= len("+0100") && strings.ContainsAny(after[:1], "+-") {
		text = before + " " + after
	}
	const day = len("2006/01/02")
	if len(text) > day && strings.Count(text[:day], "/") == 2 && isDigits(text[:4]) {
		text = strings.ReplaceAll(text[:day], "/", "-") + text[day:]
	}
	return text
}

// microsoftDate returns the milliseconds in /Date(…)/, as PowerShell writes times in JSON. An
// offset after them says where it was written.
func microsoftDate(text string) (millis string, ok bool) {
	inner, isDate := strings.CutPrefix(text, "/Date(")
	inner, isClosed := strings.CutSuffix(inner, ")/")
	if at := strings.LastIndexAny(inner, "+-"); at > 0 {
		inner = inner[:at]
	}
	return inner, isDate && isClosed && len(inner) >= len("1000000000000") && isDigits(inner)
}

func parseLayouts(text string) (time.Time, bool) {
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// cutZone splits a time into the time, with a T between day and hour, and the zone: Z, ±hh:mm, or
// "" if there is none that is unambiguous.
func cutZone(text string) (before, zone string) {
	upper := strings.ToUpper(text)
	for _, name := range []string{"UTC", "GMT", "Z"} {
		switch {
		case strings.HasSuffix(upper, " "+name+" "+lastWord(upper)) && isYear(lastWord(upper)):
			// As date prints: Fri Jan  2 15:04:05 UTC 2026.
			year := len(upper) - len(lastWord(upper))
			return text[:year-len(name)-1] + text[year:], "Z"
		case strings.HasSuffix(upper, name):
			before, zone = cutOffset(strings.TrimRight(text[:len(text)-len(name)], " "))
			if zone != "" && zone != "+00:00" { // +0000 UTC is one zone, +0100 UTC is two
				return text, ""
			}
			return withT(before), "Z"
		}
	}
	before, zone = cutOffset(text)
	if last := lastWord(text); zone == "" && isLetters(last) { // as Go prints: +0100 CET
		if rest, offset := cutOffset(strings.TrimSuffix(text, " "+last)); offset != "" {
			before, zone = rest, offset
		}
	}
	return withT(before), zone
}

func lastWord(s string) string { return s[strings.LastIndexByte(s, ' ')+1:] }

func isYear(s string) bool { return len(s) == 4 && isDigits(s) }

// cutOffset splits a time with a time of day into the time and its offset, as ±hh:mm; "": it has
// none.
func cutOffset(text string) (before, offset string) {
	at := strings.LastIndexAny(text, "+-")
	// The - of a date is not the sign of an offset.
	if at < 0 || !strings.ContainsAny(text[:at], ":Tt") && !isDigits(text[:at]) {
		return text, ""
	}
	digits := strings.Replace(text[at+1:], ":", "", 1)
	switch {
	case !isDigits(digits) || len(digits) != 2 && len(digits) != 4:
		return text, ""
	case len(digits) == 2:
		digits += "00"
	}
	return strings.TrimRight(text[:at], " "), text[at:at+1] + digits[:2] + ":" + digits[2:]
}

// withT writes the separator of day and hour as RFC 3339 does.
func withT(text string) string {
	const day = len("2006-01-02")
	if len(text) > day && (text[day] == ' ' || text[day] == 't') && isDigits(text[:4]) {
		text = text[:day] + "T" + text[day+1:]
	}
	if i := len("20060102"); len(text) > i && text[i] == 't' && isDigits(text[:i]) {
		text = text[:i] + "T" + text[i+1:]
	}
	return text
}

// formOf returns what is wrong with a text that is no time with a zone.
func formOf(text, zone string) error {
	if zone == "" {
		if _, ok := parseLayouts(text + "Z"); ok {
			return errNoZone
		}
	}
	if at := strings.LastIndexByte(text, ' '); zone == "" && at > 0 && isLetters(text[at+1:]) {
		if _, ok := parseLayouts(withT(text[:at]) + "Z"); ok {
			return errZoneName
		}
	}
	if _, err := time.Parse("2006-01-02", text); err == nil {
		return errDateAlone
	}
	if day, _, _ := strings.Cut(text, " "); strings.Count(day, "/") == 2 &&
		isDigits(strings.ReplaceAll(day, "/", "")) {
		return errDayOrder
	}
	return errNotTime
}

// Seconds since 1970 are accepted from 1985 to 5138, and milliseconds from 1985 to 2286. What is
// between them and above can be a date without separators.
const (
	secondsFrom, secondsTo = 5e8, 1e11
	millisFrom, millisTo   = 5e11, 1e13
)

func sinceEpoch(text string) (time.Time, error) {
	number, err := strconv.ParseFloat(text, 64)
	switch {
	case err == nil && number < secondsFrom:
		return time.Time{}, errSmall
	case err == nil && number < secondsTo:
		seconds, fraction := math.Modf(number)
		return time.Unix(int64(seconds), int64(fraction*1e6)*1e3), nil
	case err == nil && millisFrom <= number && number < millisTo:
		return time.UnixMilli(int64(number)), nil
	}
	return time.Time{}, errLarge
}

// isNumber reports whether text is a number of JSON (RFC 8259 §6).
func isNumber(text string) bool {
	text = strings.TrimPrefix(text, "-")
	if number, exponent, ok := strings.Cut(strings.ToLower(text), "e"); ok {
		if !isDigits(strings.TrimLeft(exponent, "+-")) {
			return false
		}
		text = number
	}
	whole, fraction, ok := strings.Cut(text, ".")
	return isDigits(whole) && (!ok || isDigits(fraction))
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func isLetters(s string) bool {
	return s != "" && strings.Trim(strings.ToUpper(s), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
