package access

import "github.com/omoflow/omoflow/internal/fault"

// Role is what a token's holder is trusted with. The zero Role may do nothing.
type Role uint8

// The roles. Each may do what the one before it may.
const (
	Viewer   Role = iota + 1 // reads pages, figures and documents
	Operator                 // also runs, repeats, pauses and resumes work
	Admin                    // also gives and takes access and changes the configuration
)

// Permission is what a request needs. The zero Permission is nobody's, so that what forgets to say is refused.
type Permission uint8

// The permissions.
const (
	View Permission = iota + 1
	Operate
	Administer
)

var roleNames = [...]string{Viewer: "viewer", Operator: "operator", Admin: "admin"}

var granted = map[Role][]Permission{
	Viewer:   {View},
	Operator: {View, Operate},
	Admin:    {View, Operate, Administer},
}

// May tells whether the role has a permission.
func (r Role) May(p Permission) bool {
	for _, g := range granted[r] {
		if g == p {
			return true
		}
	}
	return false
}

// String gives the role's name; "nobody" for what is no role.
func (r Role) String() string {
	if r >= Viewer && r <= Admin {
		return roleNames[r]
	}
	return "nobody"
}

// MarshalText gives the role's name.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a role's name; any other text is fault.Usage.
func (r *Role) UnmarshalText(text []byte) error {
	for role := Viewer; role <= Admin; role++ {
		if roleNames[role] == string(text) {
			*r = role
			return nil
		}
	}
	return fault.New(fault.Usage, "unknown_role", string(text), "write viewer, operator or admin", "is not a role")
}
