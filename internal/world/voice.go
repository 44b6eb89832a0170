package world

// hour is a door counter's hour; blind means that it was down.
type hour struct {
	visitors int
	blind    bool
}

// openingHours are counted from 10:00.
const openingHours = 12

// webDay is the web analysis of an online shop's day.
type webDay struct {
	visitors, sessions, views, carts, checkouts, orders int
}

// voice is a customer's feedback.
type voice struct {
	number, unit, order, score, scale int
	kind, topic, text                 string
	sec, answerHours                  int // answerHours 0: not answered
}

// watch counts visitors: more than receipts by a factor that differs between stores.
func (s *sim) watch(f *dayFacts) {
	for store := range s.o.Stores {
		r := stream(s.o.Seed, "door "+s.places[store], f.day, 0)
		each := (len(f.orders[store])*(4+store%3) + r.IntN(20)) / openingHours
		hours := make([]hour, openingHours)
		for h := range hours {
			hours[h].visitors = each + r.IntN(each/2+2)
			hours[h].blind = s.isBlind(store, f.day, h)
		}
		f.visitors = append(f.visitors, hours)
	}
	for u := s.o.Stores; u < len(s.units); u++ {
		r := stream(s.o.Seed, "web "+s.units[u].location, f.day, 0)
		orders := len(f.orders[u])
		w := webDay{orders: orders, checkouts: orders * (120 + r.IntN(30)) / 100, carts: orders * (220 + r.IntN(60)) / 100}
		w.sessions = orders*(25+r.IntN(15)) + r.IntN(50)
		w.visitors = w.sessions * (75 + r.IntN(10)) / 100
		w.views = w.sessions * (3 + r.IntN(3))
		f.web = append(f.web, w)
	}
}

// isBlind is the outage: one store's counter is down for an afternoon, once a month.
func (s *sim) isBlind(store, day, h int) bool {
	return day%30 == 20 && store == (3+day/30)%s.o.Stores && h >= 4 && h < 8
}

var topics = [...]struct{ topic, good, bad string }{
	{"product", "质量很好，会回购", "尺码偏小，和图片不符"},
	{"service", "店员很热情", "排队太久"},
	{"delivery", "发货快，包装好", "物流慢了三天"},
	{"price", "活动价很划算", "昨天买今天就降价"},
}

// listen draws feedback on today's orders: scores of 0..10 after online orders, 1..5 reviews in stores.
func (s *sim) listen(f *dayFacts) {
	r := stream(s.o.Seed, "voice", f.day, 0)
	for u := range s.units {
		for i := range f.orders[u] {
			o := &f.orders[u][i]
			if o.status != paid || !chance(r, 30) {
				continue
			}
			v := voice{number: len(f.voices) + 1, unit: u, order: i, sec: min(o.sec+600+r.IntN(3600), 24*3600-1), kind: "review", scale: 5, score: 1 + pick(r, 4, 5, 11, 30, 50)}
			if s.units[u].online {
				v.kind, v.scale, v.score = "nps", 10, pick(r, 1, 1, 1, 2, 2, 4, 6, 14, 20, 25, 24)
			}
			t := topics[r.IntN(len(topics))]
			v.topic, v.text = t.topic, t.good
			if v.score*2 <= v.scale {
				v.text, v.answerHours = t.bad, 1+r.IntN(40)
			}
			f.voices = append(f.voices, v)
		}
	}
}
