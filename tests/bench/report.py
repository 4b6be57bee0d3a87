"""report.py - tables, bench.json and charts of what was measured"""
import json
import os
import platform
import shutil
import statistics
import subprocess


def ratio(case, metric, stand, to):
    """The median of the rounds' own: a round is short, and from one to the
    next the machine's speed may change by more than what is compared.  Above
    1 is more of it, or slower."""
    return middle(x / y for x, y in rounds_of(case, metric, stand, to) if y)


def difference(case, metric, stand, to):
    """As ratio, of the rounds' own differences"""
    return middle(x - y for x, y in rounds_of(case, metric, stand, to))


def rounds_of(case, metric, stand, to):
    return zip(*(case.values.get(s, {}).get(metric, []) for s in (stand, to)))


def middle(values):
    values = list(values)
    return statistics.median(values) if values else None


def text(value):
    """Three digits and no exponent"""
    if value is None:
        return ''
    return f'{value:.0f}' if value >= 100 else f'{value:.3g}'


def show(case):
    for metric, (unit, better) in case.metrics.items():
        print(f'\n{case.name}: {metric}, {unit} ({better} is better)')
        print(f'  {"":16}{"median":>9}{"min":>9}{"max":>9}'
              f'{"/" + case.base:>9}'
              + (f'{"/native":>9}' if 'native' in case.stands else '')
              + f'  {case.cpu_unit}')
        for stand in case.stands:
            if stand in case.errors:
                print(f'  {stand:16}failed: {case.errors[stand]}')
                continue
            v = case.values[stand].get(metric, [])
            if not v:
                continue
            cells = [statistics.median(v), min(v), max(v),
                     ratio(case, metric, stand, case.base)]
            if 'native' in case.stands:
                cells.append(ratio(case, metric, stand, 'native'))
            cpu = case.values[stand].get('cpu')
            print(f'  {stand:16}' + ''.join(f'{text(c):>9}' for c in cells) +
                  (f'  {statistics.median(cpu):.4g}' if cpu else ''),
                  flush=True)
    if case.over:
        show_differences(case)


def show_differences(case):
    metric, base = case.over
    unit = case.metrics.get(metric, (case.cpu_unit,))[0]
    for stand in case.stands:
        more = difference(case, metric, stand, base)
        if stand != base and more is not None:
            print(f'  {stand} over {base}: {more:+.3g} {unit}', flush=True)


SUMMARY = ['plain', 'native', 'gnutls', 'client', 'server', 'both']


def table(rows):
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return ''.join('    ' + '  '.join(
        cell.ljust(w) if i == 0 else cell.rjust(w)
        for i, (cell, w) in enumerate(zip(r, widths))).rstrip() + '\n'
        for r in rows)


def costs(cases):
    """CPU per unit of work, or memory, in one table, as README has it"""
    stands = ['plain', 'native', 'gnutls', 'both', 'stunnel pair', 'nginx pair']
    rows = [['', *(s.partition(' ')[0] for s in stands), 'of native']]
    for c in cases:
        metric, unit = 'cpu', c.cpu_unit
        best = 'both' if 'both' in c.stands else 'server'
        if not c.cpu_unit and 'memory' in c.metrics:
            metric, unit = 'memory', c.metrics['memory'][0]
        values = {s: v[metric] for s, v in c.values.items() if v.get(metric)}
        if 'native' not in values or best not in values:
            continue
        values['both'] = values[best]
        rows.append([f'{c.group} {c.label}, {unit}'] +
                    [text(statistics.median(values[s])) if s in values
                     else '-' for s in stands] +
                    [text(ratio(c, metric, best, 'native'))])
    return table(rows)


def summary(cases):
    """The first metric of the usual stands, and what both ends have of native"""
    rows = [['', *SUMMARY, 'of native', 'CPU']]
    for c in cases:
        if 'native' not in c.stands:
            continue
        metric, (unit, _) = next(iter(c.metrics.items()))
        best = 'both' if 'both' in c.stands else 'server'
        cells = [c.values.get(s, {}).get(metric) for s in SUMMARY]
        rows.append(
            [f'{c.group} {c.label}, {unit}'] +
            [text(statistics.median(v)) if v else '-' for v in cells] +
            [text(ratio(c, m, best, 'native')) for m in (metric, 'cpu')])
    return table(rows)


def tables(cases):
    return summary(cases) + '\n' + costs(cases)


def machine():
    with open('/proc/cpuinfo') as f:
        model = next((line.partition(':')[2].strip() for line in f
                      if line.startswith('model name')), '')
    return {'cpu': model, 'cpus': len(os.sched_getaffinity(0)),
            'kernel': platform.release(), 'load': os.getloadavg()}


def as_json(case):
    stands = {}
    for stand in case.stands:
        if stand in case.errors:
            stands[stand] = {'error': case.errors[stand]}
            continue
        stands[stand] = {m: {
            'median': statistics.median(v), 'min': min(v), 'max': max(v),
            'values': v, 'to_' + case.base: ratio(case, m, stand, case.base),
            'to_native': ratio(case, m, stand, 'native')}
            for m, v in case.values[stand].items() if v}
    return {'case': case.group, 'name': case.name, 'cpu_unit': case.cpu_unit,
            'metrics': {m: {'unit': u, 'better': b}
                        for m, (u, b) in case.metrics.items()},
            'stands': stands}


PLOT = """
set terminal svg size 960,380 font "sans,12" background "white"
set output "{out}"
set title "{title}"
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.85 noborder
set boxwidth 0.9
set grid ytics
set yrange [0:*]
set ylabel "{unit}"
set key outside top center horizontal
set bmargin 3
set datafile missing "?"
plot {plots}
"""


# A rival has one hue: dark in front of one end, light as a pair.
COLOURS = {
    'plain': '#999999', 'native': '#e69f00', 'gnutls': '#56b4e9',
    'client': '#99d8a0', 'server': '#4daf62', 'both': '#00682c',
    'stunnel front': '#b2182b', 'stunnel pair': '#e8958f',
    'haproxy front': '#2b2b8c', 'haproxy pair': '#9d9dd8',
    'nginx front': '#8c510a', 'nginx pair': '#d9b382',
    'socat front': '#c51b8a', 'socat pair': '#f0a6cf',
    'hitch front': '#000000'}
OTHERS = ['#999999', '#00682c', '#56b4e9', '#e69f00', '#b2182b']


def bars(data, stands):
    """plot's arguments: a colour for each stand, the same in all charts"""
    return ', '.join(
        f'"{data}" using {i + 2}:xtic(1) title "{s}" '
        f'lc rgb "{COLOURS.get(s, OTHERS[i % len(OTHERS)])}"'
        for i, s in enumerate(stands))


def chart(path, group, members):
    """A cluster of bars for each measurement, a bar for each stand"""
    first = members[0]
    metric, (unit, better) = next(iter(first.metrics.items()))
    stands = list(dict.fromkeys(s for c in members for s in c.stands
                                if s not in c.unseen))
    if first.chart == 'ratio':
        unit = f'{unit}, {first.base} = 1'
    rows = []
    for c in members:
        cells = []
        for s in stands:
            v = c.values.get(s, {}).get(metric)
            r = ratio(c, metric, s, c.base) if c.chart == 'ratio' else \
                statistics.median(v) if v else None
            cells.append('?' if r is None or s in c.errors else f'{r:.5g}')
        label = c.label.replace(', ', '\\n')
        rows.append(f'"{label}" ' + ' '.join(cells))
    data = path[:-4] + '.dat'
    with open(data, 'w') as f:
        f.write('\n'.join(rows) + '\n')
    script = PLOT.format(out=path, plots=bars(data, stands), unit=unit,
                         title=f'{group} ({better} is better)')
    subprocess.run(['gnuplot'], input=script, text=True, check=True,
                   stderr=subprocess.DEVNULL)
    os.unlink(data)


def drawn(cases):
    """What shares a chart: one group's, of one metric and one unit"""
    groups = {}
    for c in cases:
        metric = next(iter(c.metrics))
        groups.setdefault((c.group, metric, c.metrics[metric][0]),
                          []).append(c)
    charts = {}
    for (group, metric, _), members in groups.items():
        alone = all(g != group or m == metric for g, m, _ in groups)
        if any(c.values[s].get(metric) for c in members for s in c.stands):
            charts[group if alone else f'{group}-{metric}'] = members
    return charts


def write(out, cases, rounds):
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, 'bench.json'), 'w') as f:
        json.dump({'machine': machine(), 'rounds': rounds,
                   'cases': [as_json(c) for c in cases]}, f, indent=1)
    with open(os.path.join(out, 'summary.txt'), 'w') as f:
        f.write(tables(cases))
    for name, members in drawn(cases).items():
        chart(os.path.join(out, name + '.svg'), name, members)


def keep(out, charts, cases):
    """Those of this run; an older one's may lie in out as well"""
    os.makedirs(charts, exist_ok=True)
    for name in drawn(cases):
        shutil.copy(os.path.join(out, name + '.svg'), charts)
