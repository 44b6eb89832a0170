package main

import "testing"

func TestContactsAreMasked(t *testing.T) {
	for text, want := range map[string]string{
		"吴敏,139 3537 2058,Refund":                      "吴敏,139********58,Refund",
		"86-13131903536,x":                             "86-*********36,x",
		"a,li.na+x@mail.example.com,b":                 "a,***@***,b",
		"+49 30 1234567":                               "+49*********67",
		"2026-02-23 17:52:58,1-0001610,3.000,-1472.70": "2026-02-23 17:52:58,1-0001610,3.000,-1472.70",
		"S01-1-0000330,838.90":                         "S01-1-0000330,838.90",
	} {
		if got := maskContacts(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
