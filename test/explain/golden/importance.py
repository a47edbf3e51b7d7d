"""
Permutation importance by scikit-learn of two fitted functions, with their weights and the data: pip install scikit-learn; python importance.py
writes importance.json. Data: wine (UCI, 1991) and diabetes (Efron et al. 2004) as scikit-learn has them; held-out rows only.
"""

import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.datasets import load_diabetes, load_wine
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

REPEATS = 200
f32 = lambda a: [float(f'{v:.7g}') for v in np.asarray(a, np.float32).ravel()]


def case(model, x, y, rows, score):
    found = permutation_importance(model, x[:rows], y[:rows], scoring=score, n_repeats=REPEATS, random_state=0)
    return {
        'x': f32(x[:rows]), 'y': [float(v) for v in y[:rows]], 'features': x.shape[1],
        'baseline': float(model.score(x[:rows], y[:rows])), 'repeats': REPEATS,
        'mean': found.importances_mean.tolist(), 'deviation': found.importances_std.tolist(),
    }


x, y = load_wine(return_X_y=True)
x = ((x - x.mean(0)) / x.std(0)).astype(np.float32)
train_x, test_x, train_y, test_y = train_test_split(x, y, test_size=80, random_state=0, stratify=y)
classifier = MLPClassifier((12,), activation='relu', max_iter=150, random_state=1).fit(train_x, train_y)
wine = case(classifier, test_x, test_y, 80, 'accuracy')
wine |= {'weights': [f32(a) for pair in zip(classifier.coefs_, classifier.intercepts_) for a in pair], 'units': [12, 3]}

x, y = load_diabetes(return_X_y=True)
x = (x * 20).astype(np.float32)
train_x, test_x, train_y, test_y = train_test_split(x, y, test_size=120, random_state=0)
regression = LinearRegression().fit(train_x, train_y)
diabetes = case(regression, test_x, test_y, 120, 'r2')
diabetes |= {'weights': [f32(regression.coef_), f32([regression.intercept_])], 'units': [1]}

origin = f'importance.py, scikit-learn {sklearn.__version__}'
Path(__file__).with_name('importance.json').write_text(json.dumps({'origin': origin, 'wine': wine, 'diabetes': diabetes}))
