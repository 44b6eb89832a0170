package profile

import "strings"

// boolean reads yes and no in the words that exports use.
func boolean(text []byte) (value string, empty bool, why *reason) {
	switch strings.ToLower(fold(string(text))) {
	case "1", "1.0", "true", "t", "yes", "y", "on", "x", "是", "真", "有", "√", "✓", "ja", "oui", "si", "sí", "sim", "wahr", "vrai":
		return "true", false, nil
	case "0", "0.0", "false", "f", "no", "n", "off", "否", "假", "无", "×", "nein", "non", "não", "falsch", "faux":
		return "false", false, nil
	}
	if isNothing(text) {
		return "", true, nil
	}
	return "", false, &reason{"bad_boolean", "is neither yes nor no"}
}
