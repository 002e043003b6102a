import type { Metadata } from 'next';
import { QualityView } from './quality-view.tsx';

export const metadata: Metadata = { title: 'Quality' };

export default function QualityPage() {
  return <QualityView />;
}
