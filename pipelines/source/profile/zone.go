package profile

import (
	"strings"
	"time"
	_ "time/tzdata" // zones must not depend on the machine
)

// InZone gives the profile with the zone of a feed: that of the user who exports, or of the store.
func (p *Profile) InZone(zone string) (*Profile, error) {
	if _, err := time.LoadLocation(zone); err != nil || zone == "" {
		return nil, p.bad("unknown_zone", "write an IANA name such as Asia/Shanghai", []string{"dates", "zone"}, "%q is not a time zone", zone)
	}
	q := *p
	q.Dates.Zone, q.text = zone, p.text+"\n# zone of the feed: "+zone+"\n"
	return &q, nil
}

// railsZones are the names that Rails gives to zones, as some tills write them; IANA names need no list.
var railsZones = map[string]string{
	"international date line west": "Etc/GMT+12", "midway island": "Pacific/Midway", "american samoa": "Pacific/Pago_Pago", "hawaii": "Pacific/Honolulu", "alaska": "America/Juneau",
	"pacific time (us & canada)": "America/Los_Angeles", "tijuana": "America/Tijuana", "mountain time (us & canada)": "America/Denver", "arizona": "America/Phoenix", "chihuahua": "America/Chihuahua",
	"central time (us & canada)": "America/Chicago", "saskatchewan": "America/Regina", "mexico city": "America/Mexico_City", "guadalajara": "America/Mexico_City", "monterrey": "America/Monterrey", "central america": "America/Guatemala",
	"eastern time (us & canada)": "America/New_York", "indiana (east)": "America/Indiana/Indianapolis", "bogota": "America/Bogota", "lima": "America/Lima", "quito": "America/Lima",
	"atlantic time (canada)": "America/Halifax", "caracas": "America/Caracas", "la paz": "America/La_Paz", "santiago": "America/Santiago", "newfoundland": "America/St_Johns", "puerto rico": "America/Puerto_Rico",
	"brasilia": "America/Sao_Paulo", "buenos aires": "America/Argentina/Buenos_Aires", "montevideo": "America/Montevideo", "greenland": "America/Godthab", "azores": "Atlantic/Azores", "cape verde is.": "Atlantic/Cape_Verde",
	"dublin": "Europe/Dublin", "edinburgh": "Europe/London", "london": "Europe/London", "lisbon": "Europe/Lisbon", "casablanca": "Africa/Casablanca", "monrovia": "Africa/Monrovia", "utc": "Etc/UTC",
	"belgrade": "Europe/Belgrade", "bratislava": "Europe/Bratislava", "budapest": "Europe/Budapest", "ljubljana": "Europe/Ljubljana", "prague": "Europe/Prague", "sarajevo": "Europe/Sarajevo", "warsaw": "Europe/Warsaw", "zagreb": "Europe/Zagreb",
	"brussels": "Europe/Brussels", "copenhagen": "Europe/Copenhagen", "madrid": "Europe/Madrid", "paris": "Europe/Paris", "amsterdam": "Europe/Amsterdam", "berlin": "Europe/Berlin", "bern": "Europe/Zurich", "zurich": "Europe/Zurich",
	"rome": "Europe/Rome", "stockholm": "Europe/Stockholm", "vienna": "Europe/Vienna", "west central africa": "Africa/Algiers", "bucharest": "Europe/Bucharest", "cairo": "Africa/Cairo", "helsinki": "Europe/Helsinki",
	"kyiv": "Europe/Kiev", "riga": "Europe/Riga", "sofia": "Europe/Sofia", "tallinn": "Europe/Tallinn", "vilnius": "Europe/Vilnius", "athens": "Europe/Athens", "istanbul": "Europe/Istanbul", "minsk": "Europe/Minsk",
	"jerusalem": "Asia/Jerusalem", "harare": "Africa/Harare", "pretoria": "Africa/Johannesburg", "moscow": "Europe/Moscow", "kuwait": "Asia/Kuwait", "riyadh": "Asia/Riyadh", "nairobi": "Africa/Nairobi", "baghdad": "Asia/Baghdad",
	"tehran": "Asia/Tehran", "abu dhabi": "Asia/Muscat", "muscat": "Asia/Muscat", "baku": "Asia/Baku", "tbilisi": "Asia/Tbilisi", "kabul": "Asia/Kabul", "islamabad": "Asia/Karachi", "karachi": "Asia/Karachi", "tashkent": "Asia/Tashkent",
	"chennai": "Asia/Kolkata", "kolkata": "Asia/Kolkata", "mumbai": "Asia/Kolkata", "new delhi": "Asia/Kolkata", "kathmandu": "Asia/Kathmandu", "dhaka": "Asia/Dhaka", "sri jayawardenepura": "Asia/Colombo", "almaty": "Asia/Almaty", "rangoon": "Asia/Rangoon",
	"bangkok": "Asia/Bangkok", "hanoi": "Asia/Bangkok", "jakarta": "Asia/Jakarta", "beijing": "Asia/Shanghai", "chongqing": "Asia/Chongqing", "hong kong": "Asia/Hong_Kong", "urumqi": "Asia/Urumqi", "kuala lumpur": "Asia/Kuala_Lumpur",
	"singapore": "Asia/Singapore", "taipei": "Asia/Taipei", "perth": "Australia/Perth", "seoul": "Asia/Seoul", "osaka": "Asia/Tokyo", "sapporo": "Asia/Tokyo", "tokyo": "Asia/Tokyo", "darwin": "Australia/Darwin", "adelaide": "Australia/Adelaide",
	"canberra": "Australia/Canberra", "melbourne": "Australia/Melbourne", "sydney": "Australia/Sydney", "brisbane": "Australia/Brisbane", "hobart": "Australia/Hobart", "guam": "Pacific/Guam", "port moresby": "Pacific/Port_Moresby",
	"auckland": "Pacific/Auckland", "wellington": "Pacific/Auckland", "fiji": "Pacific/Fiji", "samoa": "Pacific/Apia",
}

var errZone = &reason{"unknown_zone", "is no time zone by its IANA name or by Rails'"}

// zoneNamed finds a zone by what a file calls it; nil: it is not known.
func zoneNamed(name string) *time.Location {
	name = strings.TrimSpace(name)
	if known := railsZones[strings.ToLower(name)]; known != "" {
		name = known
	} else if !strings.Contains(name, "/") { // abbreviations such as EST mean several zones
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	return zone
}

// placed gives a local moment the offset of a zone: a time that occurs twice is its first occurrence, one that never occurs
// moves forward by the gap.
func (m *moment) placed(zone *time.Location) {
	local := time.Date(m.year, time.Month(m.month), m.day, m.hour, m.minute, m.second, 0, time.UTC)
	offset := func(at time.Time) int { _, seconds := at.In(zone).Zone(); return seconds }
	m.offset = offset(local.Add(-24 * time.Hour))
	if after := offset(local.Add(24 * time.Hour)); after != m.offset {
		at := func(seconds int) time.Time { return local.Add(-time.Duration(seconds) * time.Second) }
		if offset(at(m.offset)) != m.offset && offset(at(after)) == after {
			m.offset = after
		}
	}
	m.zoned = true
}
