package profile

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/retail"
)

//go:embed shipped/*.yaml
var shipped embed.FS

// Shipped gives a profile that comes with omoflow: a layout of a known system, or canonical-<stream>, a file whose
// header names are the canonical column names.
func Shipped(name string) (*Profile, error) {
	if stream, ok := retail.StreamNamed(strings.TrimPrefix(name, "canonical-")); ok && strings.HasPrefix(name, "canonical-") {
		return Parse(name, []byte(canonical(stream)))
	}
	data, err := shipped.ReadFile("shipped/" + name + ".yaml")
	if err != nil {
		return nil, fault.New(fault.Usage, "unknown_profile", name, nearest(name, ShippedNames(), "shipped profiles: "+strings.Join(ShippedNames(), ", ")), "there is no shipped profile of this name")
	}
	return Parse(name+".yaml", data)
}

// ShippedNames lists the shipped profiles.
func ShippedNames() []string {
	entries, err := fs.ReadDir(shipped, "shipped")
	if err != nil {
		return nil
	}
	var found []string
	for _, entry := range entries {
		found = append(found, strings.TrimSuffix(entry.Name(), ".yaml"))
	}
	for _, name := range retail.StreamNames() {
		found = append(found, "canonical-"+name)
	}
	return found
}

// canonical writes the profile of a file that has the stream's own columns.
func canonical(stream retail.Stream) string {
	var columns, mapped bytes.Buffer
	for _, c := range append([]retail.Column{{Name: "business_date", Type: "DATE"}}, stream.Columns...) {
		if c.Name == "business_date" && !stream.Dated {
			continue
		}
		fmt.Fprintf(&columns, "  %s: {from: %s, optional: %t}\n", c.Name, c.Name, !c.Required)
		if c.Name == "business_date" {
			fmt.Fprintf(&mapped, "      business_date: = day(business_date)\n")
		} else {
			fmt.Fprintf(&mapped, "      %s: %s\n", c.Name, c.Name)
		}
	}
	return fmt.Sprintf("profile: canonical-%s\nabout: a file whose columns are those of the canonical stream %s\ndates: {zone: UTC}\ncolumns:\n%sstreams:\n  %s:\n    columns:\n%s",
		stream.Name, stream.Name, &columns, stream.Name, &mapped)
}
