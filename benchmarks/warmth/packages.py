"""The packages compared: what is imported of each, and objects that notebooks show.

An object is written as statements and a last expression, separated by semicolons.
"""

from __future__ import annotations

from dataclasses import dataclass

NUMBERS = "import numpy as np; x = np.arange(6.0)"
FRAME = "import pandas as pd; f = pd.DataFrame({f'c{i}': [i * 1.5] * 2 for i in range(9)})"
FIGURE = "import matplotlib.pyplot as plt; figure, axes = plt.subplots(); lines = axes.plot([1, 2])"


@dataclass(frozen=True)
class Package:
    """A package, as notebooks import it.

    Attributes:
        name: Its name in the registry.
        imports: The modules that a notebook imports.
        shows: Objects to show.
    """

    name: str
    imports: tuple[str, ...]
    shows: tuple[str, ...] = ()


def _of(name: str, imports: str = "", *shows: str) -> Package:
    return Package(name, tuple((imports or name).split()), shows)


PACKAGES = (
    _of("numpy", "", f"{NUMBERS}; x", "import numpy as np; np.get_printoptions()"),
    _of("pandas", "", f"{FRAME}; f", f"{FRAME}; f.c1", f"{FRAME}; f.style.set_uuid('u')"),
    _of("polars", "", "import polars; polars.DataFrame({f'c{i}': [i] for i in range(12)})"),
    _of("pyarrow", "pyarrow pyarrow.parquet", "import pyarrow; pyarrow.table({'a': [1, 2]})"),
    _of("matplotlib", "matplotlib matplotlib.pyplot",
        "import matplotlib; dict(matplotlib.rcParams)", f"{FIGURE}; axes.get_title()"),
    _of("seaborn", "", "import seaborn; seaborn.color_palette()",
        "import seaborn; seaborn.plotting_context()"),
    _of("plotly", "plotly.express plotly.graph_objects",
        "import plotly.io as io; io.renderers.default",
        "import plotly.graph_objects as go; go.Figure(go.Scatter(y=[1, 2])).to_json()"),
    _of("altair", "", "import altair as alt; alt.renderers.active",
        f"{FRAME}; import altair as alt; alt.Chart(f).mark_point().encode(x='c1', y='c2')"),
    _of("bokeh", "bokeh.plotting", "import bokeh.plotting as b; b.figure().height"),
    _of("holoviews", "", "import holoviews as hv; hv.Curve([1, 2])"),
    _of("hvplot", "hvplot.pandas", f"{FRAME}; import hvplot.pandas; f.hvplot"),
    _of("tqdm", "tqdm.auto", "from tqdm.auto import tqdm; tqdm.__mro__"),
    _of("rich", "rich rich.console",
        "from rich.console import Console; c = Console(); "
        "[c.is_jupyter, c.is_terminal, c.width, c.color_system, c.encoding]",
        "from rich.table import Table; Table('a', 'b')"),
    _of("ipywidgets", "", "import ipywidgets; type(ipywidgets.IntSlider(3)).__name__"),
    _of("ipython", "IPython.display", "from IPython.display import HTML; HTML('<b>b</b>')",
        "from IPython.display import Markdown; Markdown('*m*')"),
    _of("scikit-learn", "sklearn sklearn.linear_model sklearn.ensemble sklearn.pipeline",
        "import sklearn; sklearn.get_config()",
        "from sklearn.linear_model import Ridge; Ridge(alpha=2)"),
    _of("torch", "torch torch.nn torch.utils.data", "import torch; torch.arange(4.0)",
        "import torch; torch.nn.Linear(2, 3)"),
    _of("transformers", "", "from transformers import BertConfig; BertConfig()"),
    _of("xgboost", "", "import xgboost; xgboost.XGBClassifier(n_estimators=3)"),
    _of("lightgbm", "", "import lightgbm; lightgbm.LGBMRegressor(n_estimators=3)"),
    _of("catboost", "", "import catboost; catboost.CatBoostRegressor(iterations=3).get_params()"),
    _of("statsmodels", "statsmodels.api statsmodels.formula.api",
        f"{FRAME}; import statsmodels.api as sm; sm.add_constant(f)"),
    _of("scipy", "scipy scipy.stats scipy.optimize", "import scipy.stats; scipy.stats.norm"),
    _of("numba", "", "import numba; numba.config.THREADING_LAYER"),
    _of("numexpr", "", "import numexpr; numexpr.nthreads"),
    _of("networkx", "", "import networkx as nx; nx.path_graph(3)"),
    _of("sympy", "", "import sympy; sympy.Symbol('x') ** 2"),
    _of("patsy", "", f"{FRAME}; import patsy; patsy.dmatrix('c1 + c2', f)"),
    _of("dask", "dask dask.dataframe dask.array", "import dask; dask.config.config",
        "import dask.array as da; da.ones(10, chunks=5)"),
    _of("xarray", "", "import xarray; xarray.get_options()"),
    _of("joblib", "", "import joblib; joblib.Parallel(2)", "import joblib; joblib.cpu_count()"),
    _of("h5py", "", "import h5py; h5py.get_config().track_order"),
    _of("pillow", "PIL PIL.Image", "from PIL import Image; Image.new('RGB', (2, 2))"),
    _of("opencv-python-headless", "cv2", "import cv2; cv2.getNumThreads()"),
    _of("scikit-image", "skimage skimage.io", "import skimage; skimage.data_dir"),
    _of("imageio", "imageio imageio.v3", "import imageio; imageio.config.known_plugins"),
    _of("requests", "", "import requests; requests.Session().headers"),
    _of("httpx", "", "import httpx; httpx.Client().headers"),
    _of("aiohttp", "", "import aiohttp; aiohttp.ClientTimeout()"),
    _of("boto3", "", "import boto3; boto3.DEFAULT_SESSION"),
    _of("fastapi", "", "import fastapi; fastapi.FastAPI()"),
    _of("pydantic", "", "from pydantic import BaseModel; M = type('M', (BaseModel,), {}); M()"),
    _of("sqlalchemy", "", "import sqlalchemy; sqlalchemy.Table('t', sqlalchemy.MetaData())"),
    _of("duckdb", "", "import duckdb; duckdb.sql('select 42 as a')"),
    _of("openpyxl", "", "import openpyxl; openpyxl.Workbook().sheetnames"),
    _of("lxml", "lxml.etree lxml.html", "import lxml.etree; lxml.etree.LXML_VERSION"),
    _of("beautifulsoup4", "bs4", "import bs4; bs4.BeautifulSoup('<p>a</p>', 'html.parser')"),
    _of("mlflow", "", "import mlflow; mlflow.active_run()"),
    _of("optuna", "", "import optuna; optuna.samplers.RandomSampler(1)",
        "import optuna; optuna.logging.get_verbosity()"),
    _of("shap", "", "import shap; shap.Explanation([1.0])"),
    _of("nltk", "", "import nltk; nltk.data.path"),
    _of("gensim", "gensim gensim.models", "import gensim; gensim.models.Word2Vec.__name__"),
    _of("spacy", "", "import spacy; spacy.blank('en')('a b')"),
    _of("geopandas", "", "import geopandas; geopandas.options"),
    _of("shapely", "", "from shapely import Point; Point(0, 1)"),
    _of("jax", "jax jax.numpy", "import jax.numpy as j; j.arange(3)"),
    _of("click", "", "import click; click.get_text_stream('stdout').isatty()",
        "import click.termui as t; getattr(t.visible_prompt_func, '__qualname__', '')"),
    _of("tabulate", "", "import tabulate; tabulate.tabulate([[1, 2]], tablefmt='html')"),
    _of("cloudpickle", "", "import cloudpickle; len(cloudpickle.dumps(lambda: 1))"),
    _of("dill", "", "import dill; dill.settings"),
    _of("psutil", "", "import psutil; psutil.Process().pid > 0"),
    _of("pyyaml", "yaml", "import yaml; yaml.dump({'a': 1})"),
    _of("jinja2", "", "import jinja2; jinja2.Template('{{ 1 }}').render()"),
    _of("attrs", "attr attrs", "import attrs; attrs.make_class('A', ['x'])(1)"),
    _of("msgpack", "", "import msgpack; msgpack.packb([1])"),
    _of("hypothesis", "", "from hypothesis import settings; settings.default"),
)  # fmt: skip
