import time, numpy as np
from sparsecnn.datasets import _words as W, _fonts as F
calls=[]
o=F.draw_word
def rec(*a):
    calls.append(a); return o(*a)
W.draw_word=rec
W.make_shaky_words(1024,random_state=99)
W.draw_word=o
from PIL import Image, ImageDraw
def t(f,k=3):
    r=[]
    for _ in range(k):
        a=time.process_time()
        for c in calls: f(*c)
        r.append((time.process_time()-a)/len(calls)*1e6)
    return min(r)
print('draw_word',t(o))
def getmask(path,word,size,stroke):
    drawn=int(F._SIZES[np.searchsorted(F._SIZES[:-1],size)])
    return F._face(path,drawn).getmask2(word,'L',stroke_width=int(stroke*drawn))
print('getmask2',t(getmask))
print('nostroke',t(lambda p,w,s,k:getmask(p,w,s,0)))
def bbox(path,word,size,stroke): F._face(path,F._REFERENCE_SIZE).getbbox(word)
print('bbox ref',t(bbox))
def ln(path,word,size,stroke):
    drawn=int(F._SIZES[np.searchsorted(F._SIZES[:-1],size)])
    F._face(path,drawn).getbbox(word)
print('bbox drawn',t(ln))
print('searchsorted', t(lambda p,w,s,k:int(F._SIZES[np.searchsorted(F._SIZES[:-1],s)])))
ms=[o(*c)[0].shape for c in calls]
print('mask px', np.mean([a*b for a,b in ms]), np.mean(ms,0), sum(int(c[3]*F._SIZES[np.searchsorted(F._SIZES[:-1],c[2])])>0 for c in calls))
print('asarray image', t(lambda *c: np.asarray(Image.new('L',(100,40)))))
im=Image.new('L',(100,40)); print('tobytes', t(lambda *c: np.asarray(im)))
from collections import Counter
print(Counter(int(F._SIZES[np.searchsorted(F._SIZES[:-1],c[2])]) for c in calls))
