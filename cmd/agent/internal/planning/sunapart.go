package planning

// sunApart divides a net base load into what is drawn and the sun that is over;
// sun is nil where there is none.
func sunApart(net []float64) (base, sun []float64) {
	base = make([]float64, len(net))
	for t, kw := range net {
		if base[t] = max(0, kw); kw >= 0 {
			continue
		}
		if sun == nil {
			sun = make([]float64, len(net))
		}
		sun[t] = -kw
	}
	return base, sun
}
