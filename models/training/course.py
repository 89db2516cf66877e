"""quick first loop"""

from __future__ import annotations
import time
import numpy as np
import torch
from models.evaluation.lists import judge, top_lists
from models.evaluation.ndcg import ndcg
from models.recommender.inputs import asked_of, items_of
from models.recommender.moments import moments_of
from models.recommender.network import FusionNetwork
from models.recommender.reading import Reader, cut, ranges
from models.recommender.signature import signature_of
from models.recommender.stories import DAY, questions, tell
from models.training.losses import chosen_loss, opened_loss


def train(model, data, seed, validation, start, epochs, log=lambda line: None):
    t = model.training
    torch.manual_seed(seed)
    signature = signature_of(data)
    net = FusionNetwork(signature, model.config)
    items, asked = items_of(data, signature), asked_of(data, signature)
    q = questions(data, t.half_life_days)
    feats = (
        data.context[q.row]
        if data.context is not None
        else np.full((len(q), len(signature.feature_names)), np.nan, np.float32)
    )
    net.calibrate(items, asked, torch.from_numpy(feats))
    stories = tell(data)
    reader = Reader(data, stories, signature, model.config.history, model.config.queries)
    passages = cut(stories, q.user, q.at, model.config.history, max(1, model.config.history // 2))
    mom = moments_of(data)
    days = np.unique(q.at)
    phi = torch.from_numpy(mom.at(days))
    released = torch.from_numpy(data.catalogue.released_at)
    owned = torch.from_numpy(data.users.owned_item)
    E = epochs or t.epochs
    steps = -(-len(passages) // t.batch)
    decay = [p for p in net.parameters() if p.ndim > 1]
    rest = [p for p in net.parameters() if p.ndim <= 1]
    adam = torch.optim.AdamW(
        [{"params": decay, "weight_decay": t.weight_decay}, {"params": rest, "weight_decay": 0.0}],
        lr=t.learning_rate,
        betas=(0.9, 0.98),
    )
    total = E * steps
    sched = torch.optim.lr_scheduler.LambdaLR(
        adam,
        lambda s: min(1.0, (s + 1) / (steps)) * (0.05 + 0.95 * 0.5 * (1 + np.cos(np.pi * min(1, s / total)))),
    )
    rng = np.random.default_rng(seed)
    best, best_state, since = -1.0, None, 0
    model.network = net
    log(
        f"{len(q)} questions, {len(passages)} passages, {len(q.answer)} answers, {len(q.shown)} shown, {steps} steps, {sum(p.numel() for p in net.parameters())} weights"
    )
    for epoch in range(E):
        net.train()
        t0 = time.time()
        ls = []
        ls2 = []
        for chosen in np.array_split(rng.permutation(len(passages)), steps):
            reading, order = reader.read(passages, chosen, q.user, q.at, feats)
            phones = net.phones(items)
            wishes = net.wishes(reading, asked, phones)
            day = torch.from_numpy(np.searchsorted(days, q.at[order]))
            scores = net.scores(wishes, phones, phi[day])
            at = torch.from_numpy(q.at[order])
            barred = released[None, :] >= at[:, None] + DAY
            own = owned[torch.from_numpy(q.user[order])]
            rows = torch.nonzero(own >= 0).squeeze(1)
            barred[rows, own[rows]] = True
            cnt = q.answer_start[order + 1] - q.answer_start[order]
            a = ranges(q.answer_start[order], cnt)
            qi = torch.from_numpy(np.repeat(np.arange(len(order)), cnt))
            ai = torch.from_numpy(q.answer[a])
            barred[qi, ai] = False
            w = torch.from_numpy(q.weight[a])
            loss = chosen_loss(scores.masked_fill(barred, -torch.inf), qi, ai, w, t.label_smoothing) / w.sum()
            ls.append(loss.item())
            if t.shown_weight:
                cnt = q.shown_start[order + 1] - q.shown_start[order]
                a = ranges(q.shown_start[order], cnt)
                qi = torch.from_numpy(np.repeat(np.arange(len(order)), cnt))
                op = torch.from_numpy(q.opened[a])
                l2 = opened_loss(scores, qi, torch.from_numpy(q.shown[a]), op) / op.sum().clamp(min=1)
                ls2.append(l2.item())
                loss = loss + t.shown_weight * l2
            adam.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            adam.step()
            sched.step()
        t1 = time.time()
        if validation is not None:
            net.eval()
            f = model.factors(validation.past, validation.users)
            lists = top_lists(f, 20, validation.exclude, validation.candidates)
            v = ndcg(judge(lists, validation.relevant), 20).mean()
            sl = {
                n: round(float(ndcg(judge(lists[r], m[r]), 20).mean()), 4)
                for n, m in validation.slices.items()
                if len(r := np.flatnonzero(np.diff(m.indptr)))
            }
            model.curves.setdefault("loss", []).append(float(np.mean(ls)))
            model.curves.setdefault("validation NDCG@20", []).append(float(v))
            log(
                f"epoch {epoch} loss {np.mean(ls):.4f} {np.mean(ls2) if ls2 else 0:.4f} val {v:.4f} {t1 - t0:.2f}s+{time.time() - t1:.2f}s {sl}"
            )
            if v > best:
                model.epochs = epoch + 1
                best, best_state, since = v, {k: x.clone() for k, x in net.state_dict().items()}, 0
            else:
                since += 1
                if since >= t.patience:
                    break
    if best_state is not None:
        net.load_state_dict(best_state)
    model.best = best
    net.eval()
